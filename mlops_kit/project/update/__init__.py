"""Bringing a project to the template of the installed mlops-kit, by three-way merge from what was recorded of the last one."""
