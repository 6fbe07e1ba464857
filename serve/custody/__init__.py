"""What happens to a likeness and its pictures after enrolment: renewed, published, ended."""
