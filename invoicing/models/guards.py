"""Bodies of the triggers that keep invoices as they were issued. No role and no setting steps over them."""

# Which status may follow which: what was verified may be taken back, what was sent may not.
HEADER_IS_FINAL = """
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'restrict_violation',
                MESSAGE = 'an invoice begins as a draft, not ' || NEW.status,
                HINT = 'Insert a draft, then verify and issue it.';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'restrict_violation',
                MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be deleted',
                HINT = 'Correct it by a credit note.';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('draft', 'verified'), ('verified', 'draft'), ('verified', 'sent'),
        ('sent', 'disputed'), ('sent', 'paid'), ('disputed', 'sent'), ('disputed', 'paid')
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' is ' || OLD.status || ' and cannot become ' || NEW.status,
            HINT = 'draft, verified, sent, then paid or disputed; what is verified may become a draft again.';
    END IF;
    IF NEW.id <> OLD.id OR NEW.status IN ('draft', 'verified') AND NEW.invoice_series_id IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' keeps its id and takes its number when it is issued';
    END IF;
    IF OLD.status = 'draft' AND NEW.status = 'draft' THEN
        RETURN NEW;
    END IF;
    IF OLD.status <> 'draft' AND to_jsonb(NEW) - 'status' <> to_jsonb(OLD) - 'status' AND (
        (OLD.status, NEW.status) <> ('verified', 'sent') OR to_jsonb(NEW) - numbering <> to_jsonb(OLD) - numbering
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be changed, its status apart',
            HINT = 'Correct it by a credit note.';
    END IF;
    IF OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF OLD.status = 'draft' THEN
        PERFORM public.check_invoice_totals(NEW.id, NEW.total_amount);
        IF NEW.corrects_id IS NOT NULL THEN
            PERFORM public.check_credit_note(NEW.id, NEW.total_amount, NEW.corrects_id);
        END IF;
    END IF;
    IF OLD.status = 'verified' AND NEW.status = 'sent' THEN
        IF NEW.invoice_date IS NULL OR NOT EXISTS (
            SELECT FROM public.invoice_series AS series JOIN public.contract ON contract.id = NEW.contract_id
            WHERE series.id = NEW.invoice_series_id
                AND series.organization_id = contract.organization_id
                AND series.document_type = NEW.document_type
                AND series.year = date_part('year', NEW.invoice_date)
                AND series.last_number = NEW.series_number
                AND NEW.invoice_number = public.show_invoice_number(
                    series.pattern, series.digits, series.year, series.last_number)
        ) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'restrict_violation',
                MESSAGE = 'invoice ' || OLD.id || ' is issued with the number just taken from its series, and a date',
                HINT = 'Use issue_invoice.';
        END IF;
    END IF;
    INSERT INTO public.invoice_status_change
        (invoice_header_id, from_status, to_status, changed_by, effective_on, reason)
    VALUES (
        NEW.id, OLD.status, NEW.status,
        coalesce(nullif(current_setting('frontier.actor', true), ''), current_user),
        coalesce(nullif(current_setting('frontier.effective_on', true), '')::date, current_date),
        nullif(current_setting('frontier.reason', true), '')
    );
    RETURN NEW;
"""
# What an issue writes, as a declaration of the body above.
NUMBERING = (
    "numbering",
    "CONSTANT text[] :="
    " ARRAY['status', 'invoice_number', 'invoice_date', 'due_date', 'invoice_series_id', 'series_number']",
)

# FOR SHARE waits for an issue under way, which would else miss a line that is written at the same time.
PART_IS_FINAL = """
    PERFORM FROM public.invoice_header
    WHERE status <> 'draft'
        AND id IN (
            CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_header_id END,
            CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_header_id END
        )
    FOR SHARE;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'the lines of an issued invoice may not be added to, changed or deleted',
            HINT = 'Correct the invoice by a credit note.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
"""

ISSUED_STAY = """
    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';
    END IF;
    RETURN NULL;
"""

SERIES_COUNTS_ON = """
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM public.invoice_header WHERE invoice_series_id = OLD.id) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'restrict_violation',
                MESSAGE = 'series ' || OLD.pattern || ' of ' || OLD.year || ' has numbered documents and stays';
        END IF;
        RETURN OLD;
    END IF;
    IF to_jsonb(NEW) - 'last_number' <> to_jsonb(OLD) - 'last_number'
            AND EXISTS (SELECT FROM public.invoice_header WHERE invoice_series_id = OLD.id)
        OR NEW.last_number NOT IN (OLD.last_number, OLD.last_number + 1) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'series ' || OLD.pattern || ' of ' || OLD.year || ' counts on from ' || OLD.last_number
                || ', one number for each document, and changes in nothing else',
            HINT = 'Begin another pattern with the next year.';
    END IF;
    RETURN NEW;
"""
# At COMMIT: the document is numbered after its number was taken.
NUMBER_IS_USED = """
    IF NOT EXISTS (
        SELECT FROM public.invoice_header
        WHERE invoice_series_id = NEW.id AND series_number = NEW.last_number
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'number ' || NEW.last_number || ' of series ' || NEW.pattern || ' was taken for no document',
            HINT = 'Numbers are gapless: take one only in the transaction that issues.';
    END IF;
    RETURN NULL;
"""
CHANGE_STAYS = """
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = 'what became of an invoice is recorded once and neither changed nor deleted';
"""
