"""What commands print for people: records in, tables out."""
