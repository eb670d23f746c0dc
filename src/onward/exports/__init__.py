"""How a trained mesh leaves onward: as a module, a program, ONNX, a graph, text, or one file of C."""

from onward.exports.by_suffix import save as save
from onward.exports.c_source import to_c as to_c
from onward.exports.graph import save_graphml as save_graphml
from onward.exports.graph import to_networkx as to_networkx
from onward.exports.module import PlainMesh as PlainMesh
from onward.exports.module import to_module as to_module
from onward.exports.node_link import from_node_link as from_node_link
from onward.exports.node_link import scaling_from_node_link as scaling_from_node_link
from onward.exports.node_link import to_node_link as to_node_link
from onward.exports.onnx_file import save_onnx as save_onnx
from onward.exports.program import save_program as save_program
from onward.exports.program import to_program as to_program
