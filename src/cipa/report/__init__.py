"""What people look at: image panels, training curves and the table of scores."""
