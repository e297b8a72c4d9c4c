"""Networks of others under the same interface: CT and PET in, logits out. MONAI builds them."""
