"""Policy lists: rules about whom to ban, which others keep in a Matrix room; tried before they count."""
