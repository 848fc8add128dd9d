"""Analysis of a policy before it is put in force: what in it does nothing, or cannot all hold.

It asks the rules' own halves about a finite universe of witness rows and pages, made from the words
the policy itself uses. A finding tells what that universe shows; a witness is a ready case.
"""
