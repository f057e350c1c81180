interface Age {
    ageMs: number;
}
export interface Question {
    /** Asked when? */
    age: Age;
}
export declare const answer: (question: Question) => string;
export interface NotReached {
}
