"""What an unauthorized trainer may do to protected images."""
