"""Mono-Forward: Backpropagation-Free Algorithm for Efficient Neural Network Training (Gong, Li and Abdulla, 2025)."""
