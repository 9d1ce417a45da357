CREATE TABLE "idempotency_keys" (
	"second" bigint NOT NULL,
	"hash" bigint NOT NULL,
	"identity" bigint NOT NULL,
	"input_high" bigint NOT NULL,
	"input_low" bigint NOT NULL,
	"project" bigint NOT NULL,
	"at" bigint NOT NULL,
	"reply" text COLLATE "C" NOT NULL,
	CONSTRAINT "idempotency_keys_second_hash_pk" PRIMARY KEY("second","hash")
);
--> statement-breakpoint
CREATE INDEX "idempotency_keys_age" ON "idempotency_keys" USING btree ("project","at");