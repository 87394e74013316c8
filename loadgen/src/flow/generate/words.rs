//! What made-up texts and people are made of.

/// The words that sentences are made of: what people write into task lists.
pub const WORDS: [&str; 96] = [
    "answer", "archive", "ask", "batch", "before", "board", "book", "bring", "budget", "build", "buy",
    "call", "check", "clean", "collect", "compare", "copy", "customer", "deliver", "design", "draft",
    "early", "email", "estimate", "evening", "every", "figures", "file", "final", "finish", "fix", "follow",
    "for", "forward", "Friday", "from", "garden", "give", "house", "invoice", "invite", "kitchen", "label",
    "late", "letter", "list", "look", "lunch", "measure", "meeting", "message", "Monday", "month", "morning",
    "move", "new", "next", "notes", "office", "old", "open", "order", "pack", "paint", "paper", "pay",
    "phone", "photos", "plan", "plants", "prepare", "print", "quarter", "question", "read", "report",
    "return", "review", "room", "school", "second", "sell", "send", "share", "short", "sort", "start",
    "table", "team", "test", "the", "ticket", "to", "update", "week", "write",
];

/// First names of made-up people.
pub const FIRST: [&str; 32] = [
    "Ada", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hana", "Ines", "Jonas", "Kim", "Lena",
    "Marco", "Nadia", "Omar", "Paula", "Quentin", "Rosa", "Samir", "Tara", "Uwe", "Vera", "Walter", "Xenia",
    "Yuki", "Zoe", "Amir", "Bianca", "Chen", "Dora", "Emil", "Fatima",
];

/// Family names of made-up people.
pub const FAMILY: [&str; 32] = [
    "Adams", "Becker", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Hughes", "Ivanova", "Jensen",
    "Kaya", "Lopez", "Meyer", "Novak", "Okafor", "Petrov", "Quinn", "Rossi", "Sato", "Tanaka", "Ueda",
    "Vogel", "Weber", "Xu", "Yilmaz", "Zhang", "Andersen", "Brown", "Cohen", "Diaz", "Eriksen", "Ferrari",
];
