"""What int8 costs the answers, part by part: energies, prices, the report and its picture."""
