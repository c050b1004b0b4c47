/** Whose invoices these are. Every address ends in .example, which leads nowhere (RFC 2606). */
export const shop = {
  name: "Fold & Fan Gifts Ltd",
  trade: "Gifts for every occasion, wholesale and retail",
  address: "1 Paper Lane, London  ·  accounts@shop.example",
  from: "Fold & Fan Gifts Ltd <accounts@shop.example>",
  /** Where the documents of sales without a customer's account go. */
  archive: "archive@shop.example",
} as const;
