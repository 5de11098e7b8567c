"""Looks this machine over: `judge(observe(site, …)) → Diagnosis`, findings that say how to mend what is wrong."""
