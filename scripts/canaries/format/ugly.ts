export const ugly = { "quotes" : "double" };
