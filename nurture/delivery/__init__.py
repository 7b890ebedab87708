"""The outbox: takes due deliveries to the mail server and writes down what it said."""
