"""Diagnosis: what a score rests on, and why a wrong answer is wrong.

views      what a question is put with: nothing, one picture, captions, the evidence alone
probes     a question put once with a view, as a record like any other
gaps       how much of a score is left when the video is taken away
mrfs       how many pictures a model needs
failures   a name for every wrong answer
judges     what a judge must show before it may be a reward
"""
