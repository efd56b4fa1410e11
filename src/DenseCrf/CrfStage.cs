namespace DenseCrf;

/// <summary>Where the time of a refinement goes.</summary>
public enum CrfStage
{
    /// <summary>Simplices, vertices, their links, and the normalisation.</summary>
    Lattice,

    /// <summary>Unaries into rows, their softmax, and the first splat.</summary>
    First,

    /// <summary>Slice, softmax and splat of every iteration but the last.</summary>
    Middle,

    /// <summary>Blur along all axes, with what joins the threads' parts.</summary>
    Blur,

    /// <summary>Slice and softmax of the last iteration, and the results out of rows.</summary>
    Last,
}
