"""Where topologies come from: named families of graphs, and graphs read from other people's data."""

from onward.graphs.exchange import from_adjacency as from_adjacency
from onward.graphs.exchange import from_mask as from_mask
from onward.graphs.exchange import from_networkx as from_networkx
from onward.graphs.exchange import to_networkx as to_networkx
from onward.graphs.exchange import to_scipy as to_scipy
from onward.graphs.families import cascade as cascade
from onward.graphs.families import lattice as lattice
from onward.graphs.families import layered as layered
from onward.graphs.families import mesh as mesh
from onward.graphs.families import random as random
from onward.graphs.families import recurrent as recurrent
