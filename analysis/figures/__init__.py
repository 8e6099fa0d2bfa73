"""Figures as inline SVG: they take colours and type from the page that holds them."""
