# PROVIDES: quicker plans of many videos. Snakemake works without any of it, only slower; what is not
# there in another version is left alone. tests/workflow/test_planning.py says whether each is of use.

import atexit
import functools
import gc

import snakemake.common
import snakemake.rules
import snakemake.sourcecache

# Seen in Snakemake 9.27: a plan is made of millions of objects that stay. To look for garbage among them,
# every now and then and once more at the end, takes a third of the time that a set of a thousand videos
# needs.
gc.set_threshold(500_000)
atexit.register(gc.freeze)


def remember(function, *modules):
    """Keep the answers of one of Snakemake's functions, which depend on its arguments alone."""
    found = getattr(modules[0], function, None)
    if found is not None and not hasattr(found, "cache_info"):
        for module in modules:
            setattr(module, function, functools.cache(found))


# Seen in Snakemake 9.27: for every job it parses the address of its script several times, and smart_open
# makes a new class each time: more than a tenth of the time of such a plan.
remember("parse_uri", snakemake.sourcecache)
# Seen in Snakemake 9.27: fourteen times for every job it looks up which arguments a function takes: a
# sixth of the time.
remember("get_function_params", snakemake.common, snakemake.rules)
