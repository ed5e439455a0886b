import type { DueReadBack } from "../../proxy/journal.ts";
import type { Entry, Pin } from "./entry.ts";
import type { DueRecord } from "./scan.ts";
import type { LogWriter } from "./writer.ts";

/** Settled writes that are to be read back: the record of each is pinned until that has been done, whoever settled the write. */
export class DueReadBacks {
  readonly #writer: LogWriter;
  /** By exchange, the entry; by entry, its record. */
  readonly #entries = new Map<string, number>();
  readonly #pins = new Map<number, Pin>();

  constructor(writer: LogWriter, left: readonly DueRecord[]) {
    this.#writer = writer;
    for (const { entry, due, position, segment, bytes } of left) {
      this.#entries.set(due.mark.exchangeId, entry);
      this.#pins.set(entry, { position, segment, bytes });
    }
  }

  add({ entry, exchangeId }: Pick<Entry, "entry" | "exchangeId">, due: DueReadBack): void {
    const bytes = this.#writer.append((records, position) => records.due(position, entry, due));
    // A life whose disk took this record, and not the one that settled it, has it settle once more.
    this.#free(entry);
    const { segment, position } = this.#writer;
    segment.pin(bytes);
    this.#entries.set(exchangeId, entry);
    this.#pins.set(entry, { position, segment, bytes });
  }

  end(exchangeId: string, mark: DueReadBack["mark"] | null): void {
    const entry = this.#entries.get(exchangeId);
    if (entry === undefined) return;
    this.#writer.append((records, position) => records.readBack(position, entry, mark));
    this.#entries.delete(exchangeId);
    this.#free(entry);
  }

  pinOf(entry: number): Pin | null {
    return this.#pins.get(entry) ?? null;
  }

  #free(entry: number): void {
    const pin = this.#pins.get(entry);
    pin?.segment.free(pin.bytes, this.#writer.position);
    this.#pins.delete(entry);
  }
}
