"""Customer 360: who is this customer, and what have we been through together?"""

from dashboard import customer, parts
from dashboard.session import current

view = current()
parts.title(view, "customer", is_filtered=False)
if parts.needs(view, "customers"):
    customer.show(view)
