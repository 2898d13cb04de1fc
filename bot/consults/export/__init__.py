"""A consult as an extract for the patient's record: a signed PDF, and FHIR R4."""
