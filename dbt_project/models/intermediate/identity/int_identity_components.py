"""Who belongs together where links contradict each other or chain devices.

One row per id with a contested link: `identity`, and `component`, an id that all ids
of one person share: their user's, or one of theirs where none of them is a user.

Links are taken in order of time, and one that would join two users is refused (a
shared device stays with the user who came first). That is Kruskal's algorithm with all
users joined beforehand, so the accepted links are the minimum spanning tree of the
graph with one more node that every user hangs on, without that node. Links have ranks
for weights; they are unique, so the tree is too, in whatever order rows come.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree


def components(edges: pd.DataFrame) -> pd.DataFrame:
    """Resolve links.

    Takes one row per unordered pair: identity, linked_identity, is_user,
    is_linked_user, linked_at. Gives one row per id: identity, component.
    """
    if edges.empty:
        return pd.DataFrame(columns=["identity", "component"], dtype="str")
    ordered = edges.sort_values(["linked_at", "identity", "linked_identity"])
    ends = pd.concat([ordered["identity"], ordered["linked_identity"]])
    codes, identities = pd.factorize(ends)
    left, right = np.split(codes, 2)
    is_user = np.zeros(len(identities), dtype=bool)
    is_user[left[ordered["is_user"].to_numpy(bool)]] = True
    is_user[right[ordered["is_linked_user"].to_numpy(bool)]] = True
    users = np.flatnonzero(is_user)
    root, size = len(identities), len(identities) + 1
    rows = np.concatenate([left, users])
    columns = np.concatenate([right, np.full(len(users), root)])
    # A link that hangs a user on the root is lighter than any other.
    ranks = np.concatenate([np.arange(1, len(left) + 1), np.full(len(users), 0.5)])
    graph = coo_array((ranks, (rows, columns)), shape=(size, size)).tocsr()
    tree = minimum_spanning_tree(graph).tocsr()[:root, :root]
    _, labels = connected_components(tree, directed=False)
    # Of each component its user comes first, else its first id in the order of links.
    members = pd.DataFrame(
        {"identity": identities, "label": labels, "is_user": is_user}
    ).sort_values("is_user", ascending=False, kind="stable")
    members["component"] = members.groupby("label")["identity"].transform("first")
    return members[["identity", "component"]]


def model(dbt, session):
    """Give dbt the components of the contested edges."""
    dbt.config(materialized="table")
    edges = dbt.ref("int_identity_edges")
    return components(edges.filter("is_contested").df())
