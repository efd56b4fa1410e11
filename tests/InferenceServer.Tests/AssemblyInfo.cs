// What libvips holds is counted for the whole process, so a test that looks at it must run alone.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
