"""What a person looks at: tables, figures, pages. Nothing here trains."""

from onward.reports.drawings import draw_adjacency as draw_adjacency
from onward.reports.drawings import draw_graph as draw_graph
from onward.reports.figures import draw_decision_regions as draw_decision_regions
