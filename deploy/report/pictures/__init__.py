"""Charts, drawn by matplotlib, as SVG that takes the page's colours, or stands alone."""
