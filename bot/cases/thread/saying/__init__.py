"""What an author says to their case: de-identified, shown to them first, posted under the pseudonym."""
