namespace DenseCrf.Tests.Reference;

/// <summary>
/// The Gaussian filter on the permutohedral lattice, step by step as in the paper: the specification.
/// </summary>
/// <remarks>
/// Adams, Baek and Davis, Eurographics 2010. Every product and every sum is rounded to float: a fused multiply-add
/// would move points that lie on the faces of simplices, and would change the set of vertices, which is part of the
/// result.
/// </remarks>
internal sealed class PermutohedralFilterReference
{
    private readonly int _dimensions;
    private readonly int _points;
    private readonly Dictionary<(int, int, int, int, int), int> _vertices = [];
    private readonly List<int[]> _keys = [];
    private readonly (int Before, int After)[][] _neighbours;
    private readonly int[] _ids;
    private readonly float[] _weights;

    /// <param name="features">
    /// Point by point, <paramref name="dimensions"/> values each, in units of the standard deviation.
    /// </param>
    /// <param name="dimensions">Number of features of a point, 1 to 5.</param>
    public PermutohedralFilterReference(ReadOnlySpan<float> features, int dimensions)
    {
        _dimensions = dimensions;
        _points = features.Length / dimensions;
        _ids = new int[_points * (dimensions + 1)];
        _weights = new float[_points * (dimensions + 1)];
        for (int i = 0; i < _points; i++)
        {
            Insert(features.Slice(i * dimensions, dimensions), Ids(i), Weights(i));
        }

        if (_points % 4 != 0)
        {
            // The C++ implementation fills its last group of four with points at the origin, whose vertices belong to
            // the set.
            Insert(new float[dimensions], new int[dimensions + 1], new float[dimensions + 1]);
        }

        _neighbours = [.. Enumerable.Range(0, dimensions + 1).Select(
            axis => _keys.Select(key => (Neighbour(key, axis, -1), Neighbour(key, axis, 1))).ToArray())];
    }

    /// <summary>Number of points.</summary>
    public int Points => _points;

    /// <summary>Number of vertices.</summary>
    public int Vertices => _keys.Count;

    /// <summary>The first d coordinates of each vertex. The sum of all d + 1 is 0.</summary>
    public IReadOnlyList<int[]> Keys => _keys;

    /// <summary>Barycentric weights of a point: d + 1 values that sum to 1.</summary>
    public Span<float> Weights(int point) => _weights.AsSpan(point * (_dimensions + 1), _dimensions + 1);

    /// <summary>Splat, blur, slice.</summary>
    /// <param name="values">Point by point, <paramref name="channels"/> values each.</param>
    /// <param name="channels">Number of values of a point. Each channel is filtered separately.</param>
    /// <param name="transposed">Whether to blur along the axes in reverse order.</param>
    /// <returns>Filtered values, in the layout of <paramref name="values"/>.</returns>
    public float[] Filter(ReadOnlySpan<float> values, int channels, bool transposed = false)
    {
        float[] lattice = Splat(values, channels);
        for (int j = 0; j <= _dimensions; j++)
        {
            lattice = Blur(lattice, channels, transposed ? _dimensions - j : j);
        }

        return Slice(lattice, channels);
    }

    private Span<int> Ids(int point) => _ids.AsSpan(point * (_dimensions + 1), _dimensions + 1);

    private void Insert(ReadOnlySpan<float> feature, Span<int> ids, Span<float> weights)
    {
        int d = _dimensions;
        Span<float> elevated = stackalloc float[d + 1], barycentric = stackalloc float[d + 2];
        Span<int> nearest = stackalloc int[d + 1], rank = stackalloc int[d + 1];
        Elevate(feature, elevated);
        Round(elevated, nearest, rank);

        barycentric.Clear();
        for (int i = 0; i <= d; i++)
        {
            float u = (elevated[i] - nearest[i]) * (1f / (d + 1));
            barycentric[d - rank[i]] += u;
            barycentric[d + 1 - rank[i]] -= u;
        }

        barycentric[0] += 1 + barycentric[d + 1];
        barycentric[..(d + 1)].CopyTo(weights);

        int[] key = new int[d];
        for (int k = 0; k <= d; k++)
        {
            for (int i = 0; i < d; i++)
            {
                key[i] = nearest[i] + (rank[i] <= d - k ? k : k - (d + 1));
            }

            ids[k] = IdOf(key);
        }
    }

    /// <summary>Maps features to the hyperplane of d + 1 coordinates that sum to 0.</summary>
    private void Elevate(ReadOnlySpan<float> feature, Span<float> elevated)
    {
        float total = 0, common = (float)(Math.Sqrt(2.0 / 3) * (_dimensions + 1));
        for (int j = _dimensions; j > 0; j--)
        {
            float scale = (float)(1 / Math.Sqrt(j * (j + 1.0)) * common);
            float c = feature[j - 1] * scale;
            elevated[j] = total - (j * c);
            total += c;
        }

        elevated[0] = total;
    }

    /// <summary>
    /// Finds the nearest vertex of remainder 0, and the rank of each residual; rank 0 is the largest.
    /// </summary>
    private static void Round(ReadOnlySpan<float> elevated, Span<int> nearest, Span<int> rank)
    {
        int d = elevated.Length - 1, excess = 0;
        for (int i = 0; i <= d; i++)
        {
            int multiple = (int)MathF.Round(elevated[i] * (1f / (d + 1)), MidpointRounding.ToEven);
            nearest[i] = multiple * (d + 1);
            excess += multiple;
        }

        rank.Clear();
        for (int i = 0; i < d; i++)
        {
            for (int j = i + 1; j <= d; j++)
            {
                rank[elevated[i] - nearest[i] < elevated[j] - nearest[j] ? i : j]++;
            }
        }

        for (int i = 0; i <= d; i++)
        {
            rank[i] += excess;
            int turn = 0;
            if (rank[i] < 0)
            {
                turn = d + 1;
            }
            else if (rank[i] > d)
            {
                turn = -(d + 1);
            }

            rank[i] += turn;
            nearest[i] += turn;
        }
    }

    private int IdOf(int[] key)
    {
        (int, int, int, int, int) packed = Pack(key);
        if (!_vertices.TryGetValue(packed, out int id))
        {
            id = _keys.Count;
            _vertices.Add(packed, id);
            _keys.Add([.. key]);
        }

        return id;
    }

    private static (int, int, int, int, int) Pack(ReadOnlySpan<int> key)
    {
        Span<int> all = stackalloc int[5];
        all.Clear();
        key.CopyTo(all);
        return (all[0], all[1], all[2], all[3], all[4]);
    }

    private float[] Splat(ReadOnlySpan<float> values, int channels)
    {
        float[] lattice = new float[Vertices * channels];
        for (int i = 0; i < _points; i++)
        {
            for (int k = 0; k <= _dimensions; k++)
            {
                float weight = Weights(i)[k];
                Span<float> row = lattice.AsSpan(Ids(i)[k] * channels, channels);
                ReadOnlySpan<float> value = values.Slice(i * channels, channels);
                for (int c = 0; c < channels; c++)
                {
                    row[c] += weight * value[c];
                }
            }
        }

        return lattice;
    }

    private float[] Blur(float[] lattice, int channels, int axis)
    {
        float[] blurred = new float[lattice.Length], zero = new float[channels];
        for (int id = 0; id < Vertices; id++)
        {
            (int down, int up) = _neighbours[axis][id];
            ReadOnlySpan<float> before = down < 0 ? zero : lattice.AsSpan(down * channels, channels);
            ReadOnlySpan<float> after = up < 0 ? zero : lattice.AsSpan(up * channels, channels);
            for (int c = 0; c < channels; c++)
            {
                int at = (id * channels) + c;
                blurred[at] = lattice[at] + (0.5f * (before[c] + after[c]));
            }
        }

        return blurred;
    }

    /// <summary>
    /// The number of the vertex one step along an axis, or −1 if there is none. The blur creates no vertices.
    /// </summary>
    private int Neighbour(int[] key, int axis, int step)
    {
        int[] moved = [.. key.Select((c, i) => c + (step * (i == axis ? -_dimensions : 1)))];
        return _vertices.TryGetValue(Pack(moved), out int id) ? id : -1;
    }

    private float[] Slice(float[] lattice, int channels)
    {
        float[] result = new float[_points * channels];
        float alpha = 1 / (1 + MathF.Pow(2, -_dimensions));
        for (int i = 0; i < _points; i++)
        {
            Span<float> value = result.AsSpan(i * channels, channels);
            for (int k = 0; k <= _dimensions; k++)
            {
                float weight = Weights(i)[k] * alpha;
                ReadOnlySpan<float> row = lattice.AsSpan(Ids(i)[k] * channels, channels);
                for (int c = 0; c < channels; c++)
                {
                    value[c] += weight * row[c];
                }
            }
        }

        return result;
    }
}
