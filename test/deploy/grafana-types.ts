/** A dashboard as Grafana's own schema has it, with the kinds of panels that ours has; texts stand for its enums. */
import type { Dashboard, Panel, RowPanel, VariableModel } from "@grafana/schema";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as lines from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

/** As JSON has it. */
type Plain<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Plain<Item>[]
        : { readonly [Key in keyof T]: Plain<T[Key]> };

type Fields = NonNullable<Panel["fieldConfig"]>;

/** The schema leaves these three open in a panel, and tells them of each kind. */
type PanelOf<Type extends string, Options, Custom> = Omit<Plain<Panel>, "type" | "options" | "fieldConfig"> & {
  readonly type: Type;
  readonly options: Plain<Partial<Options>>;
  readonly fieldConfig: {
    readonly defaults: Omit<Plain<Fields["defaults"]>, "custom"> & { readonly custom?: Plain<Custom> };
    readonly overrides: Plain<Fields["overrides"]>;
  };
};

export type Board = Omit<Plain<Dashboard>, "panels" | "templating"> & {
  readonly panels: readonly (
    | Plain<RowPanel>
    | PanelOf<"stat", stat.Options, never>
    | PanelOf<"timeseries", lines.Options, lines.FieldConfig>
  )[];
  readonly templating: {
    /** `definition` is Prometheus' own: what its editor shows. */
    readonly list: readonly (Plain<VariableModel> & { readonly definition?: string })[];
  };
};
