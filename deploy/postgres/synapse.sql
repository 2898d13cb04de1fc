-- Synapse's own database beside Curbside's, made when the volume is new.
CREATE DATABASE synapse OWNER curbside;
