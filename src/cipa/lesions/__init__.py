"""From a mask to lesions: labels, places and what nuclear medicine measures on them."""
