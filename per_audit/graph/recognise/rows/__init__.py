"""What is stored: the roles of fields, and rows that are not what an agent lived through."""
