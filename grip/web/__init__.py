"""The HTTP edge: shapes of requests and answers, headers, statuses. No rules live here."""
