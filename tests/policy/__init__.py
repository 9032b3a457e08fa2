"""Every rule of the policy, each shown to refuse with a reason and a way on, and never to stand against an abort."""
