using System.Numerics;
using System.Runtime.CompilerServices;

namespace DenseCrf.Permutohedral;

/// <summary>The simplices that contain sixteen points, computed together.</summary>
/// <remarks>
/// Rounds exactly as the reference implementation does: no product is fused with a sum, and on a tie the lower index
/// ranks as larger. Quotients belong to the vertex of remainder 0; from vertex k to vertex k + 1 the quotient of the
/// coordinate of rank d − k loses 1.
/// </remarks>
internal unsafe ref struct SimplexBlock
{
    /// <summary>Points in a block.</summary>
    public const int Points = 16;

    private const int MaxCoordinates = 6;

    private fixed float _features[MaxCoordinates * Points];
    private fixed float _weights[MaxCoordinates * Points];
    private fixed int _quotients[MaxCoordinates * Points];
    private fixed int _order[MaxCoordinates * Points];

    /// <summary>Sets an input: scaled feature <paramref name="axis"/> of a point.</summary>
    public void SetFeature(int axis, int point, float value) => _features[(axis * Points) + point] = value;

    /// <summary>Copies the barycentric weights, point by point.</summary>
    public readonly void CopyWeights(int corners, int count, float* target)
    {
        for (int point = 0; point < count; point++)
        {
            for (int k = 0; k < corners; k++)
            {
                *target++ = _weights[(k * Points) + point];
            }
        }
    }

    /// <summary>Coordinate <paramref name="i"/> of the vertex of remainder 0, divided by d + 1.</summary>
    public readonly int Quotient(int i, int point) => _quotients[(i * Points) + point];

    /// <summary>Index of the coordinate of rank <paramref name="m"/>.</summary>
    public readonly int Coordinate(int m, int point) => _order[(m * Points) + point];

    /// <summary>Computes weights, quotients and ranks from the features.</summary>
    /// <param name="d">Number of dimensions, 1 to 5.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Compute(int d)
    {
        fixed (float* features = _features, weights = _weights)
        fixed (int* quotients = _quotients, order = _order)
        {
            for (int point = 0; point < Points; point += Vector<float>.Count)
            {
                Compute(d, features + point, weights + point, quotients + point, order + point);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]   // clearing the vectors takes a store for each
    private static void Compute(int d, float* features, float* weights, int* quotients, int* order)
    {
        Vector<float>* elevated = stackalloc Vector<float>[MaxCoordinates], quotient = stackalloc Vector<float>[MaxCoordinates];
        Vector<float>* residual = stackalloc Vector<float>[MaxCoordinates];
        Vector<int>* rank = stackalloc Vector<int>[MaxCoordinates];
        Vector<float> inverse = new(1f / (d + 1)), period = new(d + 1);

        Vector<float> total = Vector<float>.Zero;
        for (int j = d; j > 0; j--)
        {
            Vector<float> c = Vector.Load(features + ((j - 1) * Points));
            elevated[j] = total - (new Vector<float>(j) * c);
            total += c;
        }

        elevated[0] = total;
        Vector<float> excess = Vector<float>.Zero;
        for (int i = 0; i <= d; i++)
        {
            quotient[i] = Vector.Round(elevated[i] * inverse);   // to even, in one instruction
            residual[i] = elevated[i] - (period * quotient[i]);
            excess += quotient[i];
            rank[i] = Vector<int>.Zero;
        }

        for (int i = 0; i < d; i++)
        {
            for (int j = i + 1; j <= d; j++)
            {
                Vector<int> smaller = Vector.LessThan(residual[i], residual[j]);   // −1 where true
                rank[i] -= smaller;
                rank[j] += Vector<int>.One + smaller;
            }
        }

        Vector<int> turn = new(d + 1), shift = Vector.ConvertToInt32(excess);
        for (int i = 0; i <= d; i++)
        {
            Vector<int> r = rank[i] + shift;
            Vector<int> below = Vector.LessThan(r, Vector<int>.Zero), above = Vector.GreaterThan(r, new Vector<int>(d));
            rank[i] = r + (below & turn) - (above & turn);
            quotient[i] += Vector.ConvertToSingle(above - below);
            residual[i] = (elevated[i] - (period * quotient[i])) * inverse;
            Vector.Store(Vector.ConvertToInt32(quotient[i]), quotients + (i * Points));
        }

        // The weights are differences of consecutive residuals u in the order of rank: weight p = u(d−p) − u(d−p+1).
        Vector<float> largest = Vector<float>.Zero, smallest = Vector<float>.Zero, last = Vector<float>.Zero;
        for (int m = 0; m <= d; m++)
        {
            Vector<float> sorted = Vector<float>.Zero;
            Vector<int> coordinate = Vector<int>.Zero;
            for (int i = 0; i <= d; i++)
            {
                Vector<int> here = Vector.Equals(rank[i], new Vector<int>(m));
                sorted = Vector.ConditionalSelect(here, residual[i], sorted);
                coordinate |= here & new Vector<int>(i);
            }

            Vector.Store(coordinate, order + (m * Points));
            smallest = sorted;
            if (m == 0)
            {
                largest = sorted;
            }
            else
            {
                Vector.Store(last - sorted, weights + ((d - m + 1) * Points));
            }

            last = sorted;
        }

        Vector.Store(smallest + (Vector<float>.One - largest), weights);
    }
}
