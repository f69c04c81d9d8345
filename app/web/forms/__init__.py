"""The forms: field by field what people enter. The services judge it; the limits shown here are theirs."""
