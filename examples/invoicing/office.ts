/** What the job needs of the world: opened when first used, so that importing the flow opens nothing. */
import { mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FatalError } from "../../src/index.ts";
import { type Mailer, mailer } from "./mail.ts";

export type Office = {
  readonly mailer: Mailer;
  /** Keeps a document; one of that name is replaced. */
  readonly file: (name: string, document: Buffer) => Promise<void>;
};

let opened: Office | undefined;

/** The office that the environment describes: INVOICING_SMTP=smtp://host:port, INVOICING_DOCUMENTS=folder. */
export function office(): Office {
  opened ??= openOffice(setting("INVOICING_SMTP"), setting("INVOICING_DOCUMENTS"));
  return opened;
}

export function closeOffice(): void {
  opened?.mailer.close();
  opened = undefined;
}

function openOffice(smtp: string, folder: string): Office {
  mkdirSync(folder, { recursive: true });
  return {
    mailer: mailer(smtp),
    file: (name, document) => writeFile(join(folder, name), document),
  };
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") {
    throw new FatalError(`${name} is not set: examples/invoicing/office.ts says what it is for`);
  }
  return value;
}
