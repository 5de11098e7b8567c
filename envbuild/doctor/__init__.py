"""Looks this machine over: `judge(observe(site, …)) → Diagnosis`, findings and how to mend what is wrong."""
