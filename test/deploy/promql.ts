/** What an expression in PromQL asks for: metrics, labels, and values of labels. */
import { parser } from "@prometheus-io/lezer-promql";

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
  /** Labels of every `by` that stands around it. */
  readonly grouped: readonly string[];
}

export interface Matcher {
  readonly label: string;
  /** What it is compared with; the alternatives of a regular expression. */
  readonly values: readonly string[];
}

type Tree = ReturnType<typeof parser.parse>["topNode"];

/** @throws Error where it is no PromQL. */
export function selectorsOf(expression: string): readonly Selector[] {
  const { topNode } = parser.parse(expression);
  const text = ({ from, to }: Tree): string => expression.slice(from, to);
  const found: Selector[] = [];

  const labelsIn = (node: Tree | null): readonly string[] =>
    (node?.getChild("GroupingLabels")?.getChildren("LabelName") ?? []).map(text);

  function walk(node: Tree, grouped: readonly string[]): void {
    if (node.type.isError) throw new Error(`no PromQL at ${node.from} of ${expression}`);
    let around = grouped;
    if (node.name === "AggregateExpr") around = [...grouped, ...labelsIn(node.getChild("AggregateModifier"))];
    if (node.name === "VectorSelector") found.push(selectorAt(node, around));
    for (let child = node.firstChild; child !== null; child = child.nextSibling) walk(child, around);
  }

  function selectorAt(node: Tree, grouped: readonly string[]): Selector {
    const name = node.getChild("Identifier") ?? node.getChild("MetricName");
    if (name === null) throw new Error(`a selector without a metric at ${node.from} of ${expression}`);
    const matchers = (node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? []).map((matcher) => {
      const [label, value] = [matcher.getChild("LabelName"), matcher.getChild("StringLiteral")];
      if (label === null || value === null) throw new Error(`a matcher that cannot be read: ${text(matcher)}`);
      return { label: text(label), values: text(value).slice(1, -1).split("|") };
    });
    return { metric: text(name), matchers, grouped };
  }

  walk(topNode, []);
  return found;
}
