"""From a person's CSV file to arrays that a net can learn from, and back."""

from onward.tables.columns import Categorical as Categorical
from onward.tables.columns import Numeric as Numeric
from onward.tables.parting import held_out as held_out
from onward.tables.reading import read_csv as read_csv
from onward.tables.schema import Schema as Schema
from onward.tables.table import Table as Table
from onward.tables.table import TableError as TableError
from onward.tables.table import from_columns as from_columns
from onward.tables.targets import ClassTarget as ClassTarget
from onward.tables.targets import NumberTarget as NumberTarget
from onward.tables.targets import recognise as recognise
from onward.tables.writing import to_csv as to_csv
