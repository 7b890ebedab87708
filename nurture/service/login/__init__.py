"""``nurture login``: a permission to send (OAuth), by the browser of this machine or by a code on any other."""
