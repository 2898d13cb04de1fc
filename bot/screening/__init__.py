"""What a text for colleagues must not be: an order, or a telling of who the patient is. Pure."""
