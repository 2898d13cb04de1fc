"""What people were paged for lately, and pages that wait to go out together."""
