using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace InferenceServer.Tests.Hosting;

/// <summary>A section of the configuration as a table: defaults and ranges as the class has them, and what its
/// documentation says.</summary>
internal static partial class OptionsTable
{
    /// <summary>The table in Markdown.</summary>
    public static string Of(string section, Type options) => string.Concat(
        Rows(section, options)
            .Select(row => $"| `{row.Key}` | {Code(row.Default)} | {row.Range} | {row.Meaning} |\n")
            .Prepend("| key | default | range | |\n|---|---|---|---|\n"));

    private static IEnumerable<(string Key, string Default, string Range, string Meaning)> Rows(string path, Type type)
    {
        object defaults = Activator.CreateInstance(type)!;
        foreach (PropertyInfo option in type.GetProperties())
        {
            string key = $"{path}:{option.Name}";
            Type of = option.PropertyType;
            IEnumerable<(string, string, string, string)> rows = of switch
            {
                { IsGenericType: true } when of.GetGenericTypeDefinition() == typeof(IDictionary<,>) =>
                    Rows(key + ":NAME", of.GetGenericArguments()[1]),
                { IsGenericType: true } when of.GetGenericTypeDefinition() == typeof(IList<>) => [(key + ":0", "", "", Meaning(option))],
                { IsClass: true } when of != typeof(string) => Rows(key, of),
                _ => [(key, Text(option.GetValue(defaults)), Range(option), Meaning(option))],
            };
            foreach ((string, string, string, string) row in rows)
            {
                yield return row;
            }
        }
    }

    private static string Range(PropertyInfo option)
    {
        Type type = option.PropertyType;
        RangeAttribute? range = option.GetCustomAttribute<RangeAttribute>();
        if (type.IsEnum)
        {
            return string.Join(", ", Enum.GetNames(type).Where(name => range?.IsValid(Enum.Parse(type, name)) ?? true).Select(Code));
        }

        return range is { Maximum: int.MaxValue or (double)long.MaxValue } ? $"{Code(Text(range.Minimum))} or more"
            : range is not null ? $"{Code(Text(range.Minimum))} to {Code(Text(range.Maximum))}"
            : type == typeof(bool) ? "`true`, `false`"
            : string.Join(
                ", ",
                (option.GetCustomAttribute<AllowedValuesAttribute>()?.Values ?? [])
                    .OfType<string>()
                    .Where(value => value.Length > 0)
                    .Select(Code));
    }

    private static string Text(object? value) => value switch
    {
        null => "",
        bool flag => flag ? "true" : "false",
        TimeSpan { Milliseconds: not 0 } time => time.ToString("c", CultureInfo.InvariantCulture).TrimEnd('0'),
        double or float => ((IFormattable)value).ToString("0.########", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Code(string text) => text.Length == 0 ? "" : $"`{text}`";

    // The default stands in a column of its own, unless there is more to say of it.
    private static string Meaning(PropertyInfo option) => Default().Replace(Summary(option), "");

    private static string Summary(PropertyInfo option)
    {
        Assembly assembly = option.DeclaringType!.Assembly;
        XDocument documentation = XDocument.Load(Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml"));
        XElement summary = documentation.Descendants("member")
            .Single(m => (string?)m.Attribute("name") == $"P:{option.DeclaringType.FullName}.{option.Name}")
            .Element("summary")!;
        return Space().Replace(string.Concat(summary.Nodes().Select(Text)), " ").Trim().Replace("|", "\\|", StringComparison.Ordinal);
    }

    private static string Text(XNode node) => node switch
    {
        XElement { Name.LocalName: "see" } see => $"`{((string)see.Attribute("cref")!).Split('.')[^1]}`",
        XElement code => $"`{code.Value}`",
        _ => ((XText)node).Value,
    };

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();

    [GeneratedRegex(@"\s*Default ((?![:;,]|\. ).)+\.$")]
    private static partial Regex Default();
}
