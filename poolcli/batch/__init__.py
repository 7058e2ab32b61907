"""Files and folders: a batch is a list of jobs, which are plain data, and an executor that does them.

`find` lists the inputs, `plan` makes the jobs and refuses what cannot work before any work is done, `work` does one
job, `local` does many in threads, `report` counts.
"""
