"""Models as people keep them: a mesh, an estimator, or one with the columns of its table, each in one file."""

from onward.models.file import load as load
from onward.models.file import save as save
from onward.models.table_model import TableModel as TableModel
