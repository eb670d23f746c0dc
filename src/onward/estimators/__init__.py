"""scikit-learn faces: estimators that train a mesh on a table of numbers."""
