// One browser, one page at a time: a test that waits for the screen would otherwise wait for the others.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
