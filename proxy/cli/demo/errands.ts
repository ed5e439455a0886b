/** What the demo's client does: what a travel planner's front end would ask of its API. */
import { type Country, type DataSet, noteText } from "./data-set.ts";

export interface Errand {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly target: string;
  readonly contentType: string | null;
  readonly body: string | null;
  /** Told the status and the body of the answer, once it is complete. */
  readonly done: (status: number, body: string) => void;
}

/** Makes one errand after the other; `random` gives numbers in [0, 1). */
export class Errands {
  readonly #dataSet: DataSet;
  readonly #random: () => number;
  readonly #kinds: readonly (() => Errand)[];
  /** Ids of notes that nobody is busy with: no two writes of one note overlap. */
  readonly #ownNotes: string[] = [];
  readonly #seededNotes: string[];
  #turn = 0;
  #visited = 0;

  constructor(dataSet: DataSet, random: () => number) {
    this.#dataSet = dataSet;
    this.#random = random;
    this.#seededNotes = dataSet.notes.map((note) => String(note.id));
    const kinds: readonly (readonly [weight: number, make: () => Errand])[] = [
      [16, () => read(`/countries/${this.#country().id}`)],
      [8, () => read(`/countries?region=${this.#country().region}`)],
      [5, () => read(`/countries?area_gte=${Math.round(this.#random() * 20) * 100_000}`)],
      [5, () => read(`/countries?_page=${1 + Math.floor(this.#random() * 20)}&_limit=10`)],
      [3, () => read(`/countries?q=${encodeURIComponent(this.#country().name.toLowerCase())}`)],
      [2, () => read("/countries?region=Europe&_sort=name")],
      [2, () => read(`/countries/${this.#country().name.slice(0, 3).toLowerCase()}`)],
      [6, () => read(`/notes/${this.#pick(this.#seededNotes)}`)],
      [3, () => read(`/notes/${this.#pick(this.#ownNotes.length > 0 ? this.#ownNotes : this.#seededNotes)}`)],
      [8, () => this.#createNote()],
      [3, () => this.#pinNote(this.#seededNotes)],
      [6, () => this.#changeOwnNote((id) => this.#pinOwnNote(id))],
      [3, () => this.#changeOwnNote((id) => this.#rewriteNote(id))],
      [4, () => this.#changeOwnNote((id) => this.#deleteNote(id))],
      [2, () => this.#createNoteByForm()],
      [1, () => this.#brokenNote()],
      [12, () => this.#countVisit()],
      [4, () => read(`/visits/${this.#pick(this.#dataSet.visits).id}`)],
    ];
    this.#kinds = shuffled(
      kinds.flatMap(([weight, make]) => Array<() => Errand>(weight).fill(make)),
      random,
    );
  }

  /** Every kind comes up in its share in each round, so that a short look shows them all. */
  next(): Errand {
    const make = this.#kinds[this.#turn % this.#kinds.length] as () => Errand;
    this.#turn++;
    return make();
  }

  #createNote(): Errand {
    const country = this.#country();
    const note = { countryId: country.id, text: noteText(country), pinned: false };
    return write("POST", "/notes", note, (status, body) => {
      const id = status === 201 ? (JSON.parse(body) as { readonly id?: number | string }).id : undefined;
      if (id !== undefined) this.#ownNotes.push(String(id));
    });
  }

  #changeOwnNote(change: (id: string) => Errand): Errand {
    const id = this.#ownNotes.shift();
    return id === undefined ? this.#createNote() : change(id);
  }

  #pinNote(ids: string[]): Errand {
    const id = ids.shift() as string;
    return write("PATCH", `/notes/${id}`, { pinned: this.#random() < 0.5 }, () => ids.push(id));
  }

  #pinOwnNote(id: string): Errand {
    return write("PATCH", `/notes/${id}`, { pinned: true }, () => this.#ownNotes.push(id));
  }

  #rewriteNote(id: string): Errand {
    const country = this.#country();
    const note = { countryId: country.id, text: `${noteText(country)}, stay longer`, pinned: true };
    return write("PUT", `/notes/${id}`, note, () => this.#ownNotes.push(id));
  }

  #deleteNote(id: string): Errand {
    return { method: "DELETE", target: `/notes/${id}`, contentType: null, body: null, done: ignoreAnswer };
  }

  /** An old page of the front end still posts a form. */
  #createNoteByForm(): Errand {
    const body = new URLSearchParams({ countryId: this.#country().id, text: "written in a form" }).toString();
    return {
      method: "POST",
      target: "/notes",
      contentType: "application/x-www-form-urlencoded",
      body,
      done: ignoreAnswer,
    };
  }

  /** Legacy refuses it with 400, so next never hears of it. */
  #brokenNote(): Errand {
    return { method: "POST", target: "/notes", contentType: "application/json", body: '{"text":', done: ignoreAnswer };
  }

  #countVisit(): Errand {
    const { visits } = this.#dataSet;
    const visit = visits[this.#visited % visits.length] as (typeof visits)[number];
    this.#visited++;
    return write(
      "PATCH",
      `/visits/${visit.id}`,
      { times: this.#visited, last: noteText(this.#country()) },
      ignoreAnswer,
    );
  }

  #country(): Country {
    return this.#pick(this.#dataSet.countries);
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }
}

function read(target: string): Errand {
  return { method: "GET", target, contentType: null, body: null, done: ignoreAnswer };
}

function write(method: Errand["method"], target: string, content: object, done: Errand["done"]): Errand {
  return { method, target, contentType: "application/json", body: JSON.stringify(content), done };
}

function ignoreAnswer(): void {}

/** Fisher and Yates. */
function shuffled<T>(list: readonly T[], random: () => number): readonly T[] {
  const mixed = [...list];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j] as T, mixed[i] as T];
  }
  return mixed;
}

/** Mulberry32: the same errands in every run, so that two looks at the demo show the same. */
export function repeatableRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
