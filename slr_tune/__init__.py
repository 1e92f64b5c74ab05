"""How runs are searched, ablated and reported."""
